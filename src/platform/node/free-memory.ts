import { freemem } from 'node:os'

/** Bytes of memory that the machine could give at this moment. */
export const freeMemory = (): number => freemem()
