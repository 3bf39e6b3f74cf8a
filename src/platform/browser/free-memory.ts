/** Bytes of memory that could be had at this moment: a page is not told, and counts on none. */
export const freeMemory = (): number => 0
