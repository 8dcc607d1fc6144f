// Offsets that a driver written in C computes from the generated header.
#include <stddef.h>
#include <stdio.h>

#include "vmmu/vmmu_regs.h"

static int failures;

static void expect(const char* what, size_t got, size_t wanted) {
  if (got == wanted) return;
  printf("%s is %#zx, expected %#zx\n", what, got, wanted);
  ++failures;
}

int main(void) {
  expect("capability PaBits", offsetof(vmmu_t, global_page.cap_pa_bits), 0x110);
  expect("CR3 of context 1", offsetof(vmmu_t, ctx[1].host.cr3), 0x12008);
  expect("COMMIT of context 3", offsetof(vmmu_t, ctx[3].host.commit), 0x16038);
  expect("second fault counter of context 0", offsetof(vmmu_t, ctx[0].host.cnt_fault_kind[1]), 0x10188);
  expect("INV_COMMAND of context 2", offsetof(vmmu_t, ctx[2].guest.inv_command), 0x15010);
  expect("EPT_EN", VMMU_HOST__CTRL__EPT_EN_bm, 2);
  expect("reset value of the watermark", VMMU_HOST__PML_WATERMARK__WATERMARK_reset, 0xffff);
  return failures != 0;
}
