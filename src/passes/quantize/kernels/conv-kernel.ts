/** Output channels that the runtime's integer convolution makes at once. */
export const BLOCK = 16

/** It reads channels, and above one block makes them, in fours. */
export const GROUP = 4
