/** Bytes of memory that the machine could give at this moment, or what is left of a limit that is set for this process. */
export const freeMemory = (): number => process.availableMemory()
