import type { Model } from '../../../ir/index.ts'
import type { Pass } from '../../../rewrite/index.ts'
import { clipByComparison } from './clip-by-comparison.ts'
import { convolveAverages } from './convolve-averages.ts'
import { convolveRows } from './convolve-rows.ts'
import { convolveTiles } from './convolve-tiles.ts'
import { depthInTiles } from './depth-in-tiles.ts'
import { enterByConvolution } from './enter-by-convolution.ts'
import { fuseDecodedSilu } from './fuse-decoded-silu.ts'
import { mergeGroups } from './merge-groups.ts'
import { poolBeforeTables } from './pool-before-tables.ts'
import { quantizeBehindPools } from './quantize-behind-pools.ts'
import { readInFours } from './read-in-fours.ts'
import { repeatCodes } from './repeat-codes.ts'
import { signRightCodes } from './sign-right-codes.ts'
import { tileOutputs } from './tile-outputs.ts'
import { widenConvolutions } from './widen-convolutions.ts'

/** What the runtime would not make fast kernels of by itself, mended behind static quantization, in this order. */
export const kernelRepairs: readonly Pass[] = [
  depthInTiles,
  convolveTiles,
  convolveAverages,
  mergeGroups,
  tileOutputs,
  convolveRows,
  widenConvolutions,
  readInFours,
  fuseDecodedSilu,
  clipByComparison,
  repeatCodes,
  poolBeforeTables,
  enterByConvolution,
  quantizeBehindPools,
  signRightCodes,
]

/** All of them, one after the other. */
export function repairKernels(model: Model): Model {
  return kernelRepairs.reduce((current, pass) => {
    const result = pass.run(current, {}, [])
    if (result instanceof Promise) throw new Error(`internal: ${pass.id} needs no waiting`)
    return result.model
  }, model)
}
