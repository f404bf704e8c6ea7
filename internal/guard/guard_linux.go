package guard

import (
	"fmt"
	"syscall"
)

// Available reports whether regions can be had.
const Available = true

// New is a region of at least so many bytes. It is not the garbage collector's: see [Region.Free].
func New(bytes int) (*Region, error) {
	page := syscall.Getpagesize()
	size := max(1, (bytes+page-1)/page) * page
	all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("guard: %d bytes: %w", bytes, err)
	}
	for _, none := range [][]byte{all[:page], all[page+size:]} {
		if err := syscall.Mprotect(none, syscall.PROT_NONE); err != nil {
			return nil, fmt.Errorf("guard: %w", err)
		}
	}
	return &Region{all, all[page : page+size : page+size]}, nil
}

// Free gives the region back to the system. No slice of it may be used after that.
func (r *Region) Free() error {
	r.data = nil
	return syscall.Munmap(r.all)
}
