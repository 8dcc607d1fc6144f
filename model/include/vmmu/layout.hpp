// Memory layouts: who owns which frame, where the guest's pages lie, and the page tables, escape filters and segment
// registers that say so. Software's half of the contract, for tests, replays and as an example for hypervisors.
#pragma once

#include "vmmu/layout/guest.hpp"
#include "vmmu/layout/segments.hpp"
#include "vmmu/layout/vmm.hpp"
