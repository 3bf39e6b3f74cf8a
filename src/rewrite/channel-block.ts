import type { ChannelBlock } from '../report/index.ts'

/** Channels that the runtime's blocked kernels compute at once where vectors are widest: what passes go by unless told. */
export const BLOCK: ChannelBlock = 16
