/** Channels that the runtime's blocked kernels compute at once where vectors are widest. */
export const BLOCK = 16
