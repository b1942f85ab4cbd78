package main

// Marsaglia's xorshift64: the same numbers as those of bench/support/random.h.
type random uint64

const defaultSeed random = 88172645463325252

func (state *random) below(limit int) int {
	x := *state
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*state = x
	return int(uint64(x>>32) * uint64(limit) >> 32)
}

// The numbers below `size` in a random order, the same in every run.
func randomPermutation(size int) []uint32 {
	order := make([]uint32, size)
	for i := range order {
		order[i] = uint32(i)
	}
	numbers := random(1234567891011)
	for i := size; i > 1; i-- {
		other := numbers.below(i)
		order[i-1], order[other] = order[other], order[i-1]
	}
	return order
}
