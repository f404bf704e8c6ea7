package runtime

// workspace is what a pass needs while it runs, besides the optimizer's values. Passes of one group have one each, by their
// place in it; passes that run alone share the first.
type workspace[T Float] struct {
	splats   []T               // scalars of the pass, one set for each of its spread
	partials []float64         // results of its reductions, block-major
	rows     []float64         // results of its reductions per row, a piece each
	cols     []T               // results of its reductions per column, one a group of rows
	arrays   [MaxStreams][][]T // by stream and parameter
	perRow   [MaxStreams][][]T // by scalar per row and parameter

	sizes [4]int // of the first four
}

// remember makes room for a pass in the workspace of its place.
func (m *machine[T]) remember(o *Optimizer[T], s *stage[T], place int) {
	for len(m.workspaces) <= place {
		m.workspaces = append(m.workspaces, new(workspace[T]))
	}
	s.mem = m.workspaces[place]
	rows, cols := o.setLines(s)
	for i, n := range [4]int{o.sets(s.spread) * len(s.Pass.Scalars), s.cuts.blocks * len(s.Pass.Reductions), rows, cols} {
		s.mem.sizes[i] = max(s.mem.sizes[i], n)
	}
}

func (m *workspace[T]) make() {
	m.splats = Alloc[T](m.sizes[0] * splatLanes[T]())[0]
	m.partials = make([]float64, m.sizes[1])
	m.rows = make([]float64, m.sizes[2])
	m.cols = Alloc[T](m.sizes[3])[0]
}
