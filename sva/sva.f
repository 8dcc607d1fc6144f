vmmu_top_sva.sv
vmmu_port_sva.sv
vmmu_l1_array_sva.sv
vmmu_axi4_sva.sv
