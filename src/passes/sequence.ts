import type { Pass } from '../rewrite/index.ts'
import * as fuse from './fuse/index.ts'
import { dropUnreadChannels } from './prune/index.ts'
import { settle } from './settle.ts'
import * as simplify from './simplify/index.ts'

/** Makes constants visible and the graph small. */
const tidy: readonly Pass[] = [
  simplify.foldConstants,
  simplify.takeBranches,
  simplify.eliminateDeadCode,
  simplify.foldShapeArithmetic,
  simplify.dropExpand,
  simplify.dropLeadingOnes,
  simplify.dropZeroStates,
  simplify.shareSizes,
  simplify.eliminateCommonSubexpressions,
  simplify.joinScattered,
  simplify.eliminateIdentity,
  simplify.splitBeforeMoving,
  simplify.mergeReshapes,
  simplify.cancelReshapes,
  simplify.padBehindTranspose,
  simplify.cancelTransposes,
  simplify.halfPixels,
  simplify.resizeChannelsLast,
  simplify.mergePads,
  simplify.cropByPadding,
  simplify.mergeActivations,
]

/** Operators from their pieces, before folding takes the pieces apart; then folding into weights. */
const merge: readonly Pass[] = [
  fuse.recogniseMatMul,
  // Before a mean is made of the sum in it.
  fuse.sumByMask,
  fuse.recogniseHardSwish,
  fuse.recogniseHardSigmoid,
  fuse.recogniseSilu,
  fuse.recogniseGelu,
  fuse.recogniseMean,
  fuse.recogniseLayerNorm,
  fuse.recognisePRelu,
  fuse.recogniseLeakyRelu,
  fuse.recogniseClip,
  fuse.recogniseLrn,
  fuse.recogniseRmsNorm,
  fuse.recogniseRotary,
  fuse.multiplyHeadsTogether,
  fuse.recogniseAdd,
  fuse.recognisePad,
  fuse.shuffleByGather,
  fuse.dealChannels,
  fuse.recogniseDepthToSpace,
  fuse.recogniseNearestResize,
  fuse.fuseSpaceToDepth,
  fuse.convolveTransposed,
  fuse.mergeAffine,
  fuse.fuseConvBatchNorm,
  fuse.affineBeforeReshape,
  fuse.fuseAffineAfter,
  fuse.addNegated,
  fuse.affineBehindTranspose,
  fuse.fuseAffineBefore,
  fuse.mergeSummedConvs,
  fuse.fuseConvPool,
  fuse.averageBehindConv,
  fuse.resizeBehindConv,
  fuse.addEvenPart,
  fuse.fuseMatMulAdd,
  simplify.takePlacesEarly,
  // Behind it, since what it takes early may be read of convolutions.
  simplify.computeKeptPlaces,
  fuse.factorGate,
  fuse.mergeParallelConvs,
  fuse.groupDiagonal,
  // Behind it, since windows of different lengths are not merged.
  fuse.trimTaps,
]

/** The lossless sequence: run in this order, it leaves nothing that running it again would change. */
export const simplifyPasses: readonly Pass[] = [
  simplify.inlineFunctions,
  simplify.liftInputInitializers,
  // Products that are hidden in them are found by name.
  simplify.partFusedOperators,
  ...tidy,
  // Before any product takes in what stands beside it.
  simplify.zeroVanishingWeights,
  dropUnreadChannels,
  ...merge,
  simplify.eliminateDeadCode,
  settle([...tidy, ...merge]),
  simplify.nameCuts,
]
