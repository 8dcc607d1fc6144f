bus_pkg.sv
copy_engine.sv
axi_ram.sv
example_system.sv
