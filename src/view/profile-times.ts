import type { ProfileReport } from '../report/index.ts'

/**
 * Milliseconds of a run inside kernels. `totalMs` is more: it is the whole run while every kernel is being noted, of
 * which the notes themselves take a large part where kernels are short.
 */
export const kernelMs = ({ operators }: ProfileReport) => Object.values(operators).reduce((sum, { ms }) => sum + ms, 0)
