module elegy/bench

go 1.19
