export { type ChannelGroup, channelGroups, macsAfter, type PrunableChannels, type Removal } from './channel-groups.ts'
export { type ChannelReader, channelReaders } from './channel-readers.ts'
export { chooseChannels, leastMacs, narrowChannels } from './choose-channels.ts'
export { dropUnreadChannels } from './drop-unread-channels.ts'
export { halveGrid, onHalfGrid } from './halve-grid.ts'
export { addActivation, addTaylor, scaleImportance, weightImportance } from './importance.ts'
export { dropBlocks, leaveOutBlocks, residualBlocks } from './leave-out-blocks.ts'
export { pruneChannels } from './prune-channels.ts'
export { readSparseWeights } from './read-sparse-weights.ts'
export type { ReaderEvidence, Unread } from './reader-evidence.ts'
export { setWeights, withWeights } from './set-weights.ts'
export { type SpareChannels, spareChannels, WINDOWS_PER_WEIGHT } from './spare-channels.ts'
export { storeSparseWeights } from './store-sparse-weights.ts'
export {
  type MaskableWeight,
  maskableWeights,
  masked,
  maskedForm,
  masksByPattern,
  masksByShare,
  type WeightMasks,
  type WeightPattern,
} from './weight-masks.ts'
