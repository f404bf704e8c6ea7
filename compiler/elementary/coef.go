package elementary

// Every polynomial below has near-minimax coefficients on the stated interval,
// lowest first, each rounded to its type: in float64 by interpolation in the
// Chebyshev nodes, in float32 by Lawson's iteration for the weighted maximum,
// repeated for the remaining coefficients after each rounding. The stated error
// includes the rounding.

// expC: (e^r - 1 - r)/r^2 on |r| <= ln2/2; error 2^-60 of e^r - 1.
var expC = []float64{
	0x1.0000000000000p-1, 0x1.5555555555555p-3, 0x1.5555555555557p-5, 0x1.1111111111111p-7,
	0x1.6c16c16c15a6cp-10, 0x1.a01a01a0196aep-13, 0x1.a01a01a9e81a8p-16, 0x1.71de3a5aa6f36p-19,
	0x1.27e4d41d52edcp-22, 0x1.ae642c8711eaap-26, 0x1.1f7f203581f40p-29, 0x1.61bfa265de1dap-33,
}

// expHalfC32: ((e^2u - 1)/2 - u)/u^2 on |u| <= ln2/4; error 2^-28.2 of e^2u.
var expHalfC32 = []float64{0x1.fffffcp-1, 0x1.555492p-1, 0x1.5558bp-2, 0x1.12398ep-3, 0x1.6a4d6p-5}

// expm1C32: (e^r - 1 - r - r^2/2)/r^3 on |r| <= ln2/2; error 2^-31.1 of e^r - 1.
var expm1C32 = []float64{0x1.555554p-3, 0x1.5554f8p-5, 0x1.1112d8p-7, 0x1.6d3a4ap-10, 0x1.9e73b8p-13}

// logC: ((2 atanh(s)/s - 2)/z - 2/3)/z with z = s^2 on |s| <= (sqrt2-1)/(sqrt2+1);
// error 2^-66 of atanh.
var logC = []float64{
	0x1.999999999999ap-2, 0x1.2492492492521p-2, 0x1.c71c71c6eaa8cp-3, 0x1.745d177a8f30dp-3,
	0x1.3b1395d4f2df4p-3, 0x1.1118c749a1ccap-3, 0x1.df7ce956c7572p-4, 0x1.e02d1cc03596ep-4,
}

// logC32: the same; error 2^-36.8.
var logC32 = []float64{0x1.999ap-2, 0x1.24527ep-2, 0x1.dfa1a6p-3}

// log1C32: (log(1+f) - f + f^2/2)/f^3 on sqrt(1/2) <= 1+f <= sqrt(2); error
// 2^-30.3 of log(1+f).
var log1C32 = []float64{0x1.555548p-2, -0x1.000006p-2, 0x1.99a476p-3, -0x1.555c44p-3, 0x1.233ba2p-3, -0x1.fc28ccp-4, 0x1.e6c00cp-4,
	-0x1.de01c4p-4, 0x1.147314p-4}

// log2C32: (log2(1+f) - (f - f^2/2)/ln2)/f^3 on the same; error 2^-30.3 of log2(1+f).
var log2C32 = []float64{0x1.ec708ap-2, -0x1.71548p-2, 0x1.277eb8p-2, -0x1.ec7a72p-3, 0x1.a424f6p-3, -0x1.6e8f06p-3, 0x1.5f37f2p-3,
	-0x1.58dc5cp-3, 0x1.8e8ca6p-4}

// softplusC32: as log1C32 on 3/4 <= 1+f <= 3/2; error 2^-30.
var softplusC32 = []float64{0x1.55555ap-2, -0x1.00006ep-2, 0x1.999768p-3, -0x1.5519d6p-3, 0x1.2462e8p-3, -0x1.04ac24p-3, 0x1.df27c8p-4,
	-0x1.752b0ep-4, 0x1.34580ep-5}

// sinhC32: (sinh(r)/r - 1)/z with z = r^2 on |r| <= ln2/2; error 2^-34.3.
var sinhC32 = []float64{0x1.555556p-3, 0x1.110fbep-7, 0x1.a2e31ep-13}

// sinh1C32: the same on |r| <= 1; error 2^-31.5.
var sinh1C32 = []float64{0x1.555556p-3, 0x1.1110e2p-7, 0x1.a02156p-13, 0x1.75a6f2p-19}

// coshC32: (cosh(r) - 1)/z with z = r^2 on |r| <= ln2/2; error 2^-33.2.
var coshC32 = []float64{0x1p-1, 0x1.5554e6p-5, 0x1.6d4f14p-10}

// tanhC32: (tanh(x)/x - 1)/z with z = x^2 on |x| <= 1; error 2^-30.9.
var tanhC32 = []float64{-0x1.555552p-2, 0x1.11103cp-3, -0x1.b9f6dap-5, 0x1.64c044p-6, -0x1.18db64p-7, 0x1.8f862cp-9, -0x1.ae8cbap-11,
	0x1.e76c16p-14}

// atanC: (atan(t)/t - 1)/z with z = t^2 on |t| <= tan(pi/8); error 2^-58.
var atanC = []float64{
	-0x1.5555555555555p-2, 0x1.9999999999953p-3, -0x1.249249248d7eep-3, 0x1.c71c71c304b46p-4,
	-0x1.745d165df3918p-4, 0x1.3b1392d9dbcc6p-4, -0x1.110e8809a7beep-4, 0x1.e19a13a7120bap-5,
	-0x1.ac7a9300192a8p-5, 0x1.74ddd18d3dae6p-5, -0x1.1b33b2c14f38ep-5, 0x1.0ad35c1edefbcp-6,
}

// atanC32: the same on |t| <= 11/16; error 2^-29.8.
var atanC32 = []float64{-0x1.55554ap-2, 0x1.99947cp-3, -0x1.242ebcp-3, 0x1.bfd8eap-4, -0x1.4ef6cap-4, 0x1.9433e8p-5, -0x1.09fae2p-6}

// erfC: ((erf(x)/x - 2/sqrt(pi))/z + 2/(3 sqrt(pi)))/z with z = x^2 on |x| <= 1;
// error 2^-58.
var erfC = []float64{
	0x1.ce2f21a042be2p-4, -0x1.b82ce31288b4ep-6, 0x1.565bcd0e6a2f8p-8, -0x1.c02db4002b715p-11,
	0x1.f9a326f349f2cp-14, -0x1.f4d25b17f54c2p-17, 0x1.b9e6a8811781cp-20, -0x1.5f71af7b88120p-23,
	0x1.fc855264f4898p-27, -0x1.4fb34a81fbaaap-30, 0x1.86e3e38000677p-34, -0x1.3e449f9d0ee2dp-38,
}

// erfcxC: e^(x^2) erfc(x) in t = (x-2.5)/(x+3) on 1 <= x <= 6; absolute error in
// erf 2^-59.
var erfcxC = []float64{
	0x1.afbb3f3b7343bp-3, -0x1.a2b968ea24d36p-2, 0x1.61c150e5902bfp-2, -0x1.d9f423994c6c0p-3,
	0x1.e302959e6b907p-4, -0x1.50559fda23f9dp-5, 0x1.965a73ea7b21ap-8, 0x1.1504511d68cafp-9,
	-0x1.4035a90850804p-10, -0x1.3fb727477c808p-15, 0x1.696c9610c23a5p-13, -0x1.13fd194cb3344p-17,
	-0x1.c18580399ffb9p-16, 0x1.46eede6001bf3p-20, 0x1.205f9e750fc52p-18, 0x1.ac849a4d63acdp-27,
}

// erfC32: erf(x)/x - 1 in z = x^2 on |x| <= 7/8; error 2^-30.1 of erf.
var erfC32 = []float64{0x1.06eba8p-3, -0x1.81274p-2, 0x1.ce2d5cp-4, -0x1.b7ff9p-6, 0x1.54318cp-8, -0x1.a4d0d6p-11, 0x1.49feeep-14}

// erfcLogC32: log2(erfc(7/8)/erfc(7/8 + u))/u on 7/8 <= 7/8 + u <= 3.92; error
// 2^-29 in erf.
var erfcLogC32 = []float64{0x1.c0c6bep+1, 0x1.314534p+0, 0x1.14cc0ap-4, -0x1.08c7b6p-6, 0x1.816558p-9, -0x1.3056ccp-12}

// erfcC32: erfc(7/8)*2^-r on |r| <= 1/2; absolute error 2^-27.4.
var erfcC32 = []float64{0x1.ba36dap-3, -0x1.328504p-3, 0x1.a8edf4p-5, -0x1.88b588p-7, 0x1.0fadbp-9, -0x1.2f6506p-12, 0x1.713386p-15}

// cbrtC: cbrt(m) on 1/2 <= m <= 1; error 2^-13, a first guess only.
var cbrtC = []float64{0x1.c3b7ff0a6e189p-2, 0x1.d810f6c24d3dep-1, -0x1.01e7d6a492d5cp-1, 0x1.20057dc14d725p-3}

// cbrtC32: the same on sqrt(1/2) <= m <= sqrt(2); error 2^-13.7.
var cbrtC32 = []float64{0x1.f854e6p-2, 0x1.7abb9cp-1, -0x1.2957dp-2, 0x1.dceec4p-5}
