package elem

// Every polynomial below interpolates its function in the Chebyshev nodes of
// the stated interval, the coefficients computed with 400 bits and rounded;
// the stated error, relative to the result in which the polynomial is used,
// includes that rounding. All have an even number of coefficients, lowest
// first, as poly wants.

const (
	ln2   = 0x1.62e42fefa3800p-1 // its leading 42 bits: k*ln2 is exact for |k| < 2^11
	ln2Lo = 0x1.ef35793c76730p-45

	twoThirds = 0x1.5555555555555p-1
)

// logC: ((2 atanh(s)/s - 2)/z - 2/3)/z with z = s^2 on |s| <= (sqrt2-1)/(sqrt2+1);
// error 2^-66.
var logC = [...]float64{
	0x1.999999999999ap-2,
	0x1.2492492492521p-2,
	0x1.c71c71c6eaa8cp-3,
	0x1.745d177a8f30dp-3,
	0x1.3b1395d4f2df4p-3,
	0x1.1118c749a1ccap-3,
	0x1.df7ce956c7572p-4,
	0x1.e02d1cc03596ep-4,
}

// sinC: (sin(r)/r - 1)/z with z = r^2 on |r| <= pi/4; error 2^-57.
var sinC = [...]float64{
	-0x1.5555555555555p-3,
	0x1.1111111111111p-7,
	-0x1.a01a01a01a019p-13,
	0x1.71de3a556c2c8p-19,
	-0x1.ae64567e73215p-26,
	0x1.61245fb507203p-33,
	-0x1.ae7c53cc9f4a2p-41,
	0x1.9242bc56d2152p-49,
}

// cosC: (cos(r) - 1 + z/2)/z^2 with z = r^2 on |r| <= pi/4; error 2^-59.
var cosC = [...]float64{
	0x1.5555555555555p-5,
	-0x1.6c16c16c16967p-10,
	0x1.a01a019f4eafdp-16,
	-0x1.27e4fa17d9c81p-22,
	0x1.1eeb68e8f6cdfp-29,
	-0x1.907da33638fbcp-37,
}

// twoOverPi holds the bits of 2/pi after one word of zeros: enough for the
// largest exponent (1023) and a window of 192 bits and more.
var twoOverPi = [...]uint64{
	0,
	0xa2f9836e4e441529,
	0xfc2757d1f534ddc0,
	0xdb6295993c439041,
	0xfe5163abdebbc561,
	0xb7246e3a424dd2e0,
	0x06492eea09d1921c,
	0xfe1deb1cb129a73e,
	0xe88235f52ebb4484,
	0xe99c7026b45f7e41,
	0x3991d639835339f4,
	0x9c845f8bbdf9283b,
	0x1ff897ffde05980f,
	0xef2f118b5a0a6d1f,
	0x6d367ecf27cb09b7,
	0x4f463f669e5fea2d,
	0x7527bac7ebe5f17b,
	0x3d0739f78a5292ea,
	0x6bfb5fb11f8d5d08,
	0x56033046fc7b6bab,
}
