package elem

import "testing"

var sink float64

func BenchmarkFunctions(b *testing.B) {
	args := make([][2]float64, 1024)
	s := rng(1)
	for i := range args {
		args[i] = [2]float64{s.float(-3, 3), s.float(-3, 2)}
		if args[i][0] < 0 {
			args[i][0] /= -64
		}
	}
	for _, f := range functions {
		b.Run(f.name+"/float64", func(b *testing.B) {
			for i := range b.N {
				x := &args[i&1023]
				sink += f.f64(x[0], x[1])
			}
		})
		b.Run(f.name+"/float32", func(b *testing.B) {
			for i := range b.N {
				x := &args[i&1023]
				sink += float64(f.f32(float32(x[0]), float32(x[1])))
			}
		})
	}
}

func BenchmarkReduce(b *testing.B) {
	u := make([]float32, 16*Block)
	for r := ReduceSum; r <= ReduceMax; r++ {
		b.Run(r.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(u)))
			for range b.N {
				sink += Reduce(r, u)
			}
		})
	}
}
