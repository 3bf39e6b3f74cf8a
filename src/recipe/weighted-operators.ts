/** Operators that multiply by matrices of weights, which every scheme of integers codes. */
export const MATRIX_PRODUCTS: readonly string[] = ['MatMul', 'Gemm', 'LSTM', 'GRU']
/** Those that multiply by windows of weights, which schemes without calibration leave in float. */
export const CONVOLUTIONS: readonly string[] = ['Conv', 'ConvTranspose']
