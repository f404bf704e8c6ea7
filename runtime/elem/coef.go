package elem

// Every polynomial below interpolates its function in the Chebyshev nodes of
// the stated interval, the coefficients computed with 400 bits and rounded;
// the stated error, relative to the result in which the polynomial is used,
// includes that rounding. All have an even number of coefficients, lowest
// first, as poly wants.

// expC: (e^r - 1 - r)/r^2 on |r| <= ln2/2; error 2^-60.
var expC = [...]float64{
	0x1.0000000000000p-1,
	0x1.5555555555555p-3,
	0x1.5555555555557p-5,
	0x1.1111111111111p-7,
	0x1.6c16c16c15a6cp-10,
	0x1.a01a01a0196aep-13,
	0x1.a01a01a9e81a8p-16,
	0x1.71de3a5aa6f36p-19,
	0x1.27e4d41d52edcp-22,
	0x1.ae642c8711eaap-26,
	0x1.1f7f203581f40p-29,
	0x1.61bfa265de1dap-33,
}

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

// atanC: (atan(t)/t - 1)/z with z = t^2 on |t| <= tan(pi/8); error 2^-58.
var atanC = [...]float64{
	-0x1.5555555555555p-2,
	0x1.9999999999953p-3,
	-0x1.249249248d7eep-3,
	0x1.c71c71c304b46p-4,
	-0x1.745d165df3918p-4,
	0x1.3b1392d9dbcc6p-4,
	-0x1.110e8809a7beep-4,
	0x1.e19a13a7120bap-5,
	-0x1.ac7a9300192a8p-5,
	0x1.74ddd18d3dae6p-5,
	-0x1.1b33b2c14f38ep-5,
	0x1.0ad35c1edefbcp-6,
}

// erfC: ((erf(x)/x - 2/sqrt(pi))/z + 2/(3 sqrt(pi)))/z with z = x^2 on |x| <= 1;
// error 2^-58.
var erfC = [...]float64{
	0x1.ce2f21a042be2p-4,
	-0x1.b82ce31288b4ep-6,
	0x1.565bcd0e6a2f8p-8,
	-0x1.c02db4002b715p-11,
	0x1.f9a326f349f2cp-14,
	-0x1.f4d25b17f54c2p-17,
	0x1.b9e6a8811781cp-20,
	-0x1.5f71af7b88120p-23,
	0x1.fc855264f4898p-27,
	-0x1.4fb34a81fbaaap-30,
	0x1.86e3e38000677p-34,
	-0x1.3e449f9d0ee2dp-38,
}

// erfcxC: e^(x^2) erfc(x) in t = (x-2.5)/(x+3) on 1 <= x <= 6; absolute error in
// erf 2^-59.
var erfcxC = [...]float64{
	0x1.afbb3f3b7343bp-3,
	-0x1.a2b968ea24d36p-2,
	0x1.61c150e5902bfp-2,
	-0x1.d9f423994c6c0p-3,
	0x1.e302959e6b907p-4,
	-0x1.50559fda23f9dp-5,
	0x1.965a73ea7b21ap-8,
	0x1.1504511d68cafp-9,
	-0x1.4035a90850804p-10,
	-0x1.3fb727477c808p-15,
	0x1.696c9610c23a5p-13,
	-0x1.13fd194cb3344p-17,
	-0x1.c18580399ffb9p-16,
	0x1.46eede6001bf3p-20,
	0x1.205f9e750fc52p-18,
	0x1.ac849a4d63acdp-27,
}

// cbrtC: cbrt(m) on 1/2 <= m <= 1; error 2^-13, a first guess only.
var cbrtC = [...]float64{
	0x1.c3b7ff0a6e189p-2,
	0x1.d810f6c24d3dep-1,
	-0x1.01e7d6a492d5cp-1,
	0x1.20057dc14d725p-3,
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
