import type { Pass } from '../rewrite/index.ts'
import * as fuse from './fuse/index.ts'
import * as simplify from './simplify/index.ts'

/**
 * The lossless sequence. First what makes constants visible and cleans up, then the recognition of operators from
 * their pieces (before affine folding takes the pieces apart), then folding into weights, then cleaning up again.
 */
export const simplifyPasses: readonly Pass[] = [
  simplify.liftInputInitializers,
  simplify.foldConstants,
  simplify.eliminateDeadCode,
  simplify.foldShapeArithmetic,
  simplify.foldConstants,
  simplify.eliminateCommonSubexpressions,
  simplify.eliminateIdentity,
  simplify.mergeReshapes,
  simplify.cancelTransposes,
  simplify.mergePads,
  simplify.mergeActivations,
  fuse.recogniseHardSwish,
  fuse.recogniseHardSigmoid,
  fuse.recogniseGelu,
  fuse.recogniseLayerNorm,
  fuse.recogniseRmsNorm,
  fuse.mergeAffine,
  fuse.fuseConvBatchNorm,
  fuse.fuseAffineAfter,
  fuse.fuseAffineBefore,
  simplify.eliminateIdentity,
  simplify.eliminateCommonSubexpressions,
  simplify.eliminateDeadCode,
]
