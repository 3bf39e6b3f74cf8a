/** Output channels that the runtime's integer convolution makes at once. */
export const BLOCK = 16

/** It reads channels, and above one block makes them, in fours. */
export const GROUP = 4

/**
 * Nanoseconds on one thread, onnxruntime 1.30 on x86-64 with VNNI, fitted to eleven convolutions of one to three channels
 * (1×1 to 7×7, 28 to 224 pixels). Patches are copied row by row where pixels do not come in fours; else the kernel takes
 * a pointer for each window place and multiplies fours by a block; a window of one place is a plain product. Only
 * proportions matter: measured costs decide whether a convolution is in integers at all.
 */
export const KERNEL_NS = { copyRow: 6, product: 0.15, pointer: 0.4, window: 0.2 } as const
