export {
  type ChannelGroup,
  type CoupledChannel,
  channelGroups,
  macsAfter,
  type PrunableChannels,
  type Removal,
} from './channel-groups.ts'
export { type ChannelReader, channelReaders } from './channel-readers.ts'
export { type ChooseOptions, chooseChannels, leastMacs, narrowChannels } from './choose-channels.ts'
export { dropUnreadChannels } from './drop-unread-channels.ts'
export { halveGrid, onHalfGrid } from './halve-grid.ts'
export { addActivation, addTaylor, scaleImportance, weightImportance } from './importance.ts'
export { dropBlocks, leaveOutBlocks, type ResidualBlock, residualBlocks } from './leave-out-blocks.ts'
export { type PruneChannelsOptions, pruneChannels } from './prune-channels.ts'
export { readSparseWeights } from './read-sparse-weights.ts'
export type { ReaderEvidence, Unread } from './reader-evidence.ts'
export { removeChannels } from './remove-channels.ts'
export { type SetWeightsOptions, setWeights, withWeights } from './set-weights.ts'
export { type SpareChannels, spareChannels, WINDOWS_PER_WEIGHT } from './spare-channels.ts'
export { storeSparseWeights } from './store-sparse-weights.ts'
export {
  type MaskableWeight,
  type MaskableWeights,
  maskableWeights,
  masked,
  maskedForm,
  masksByPattern,
  masksByShare,
  type WeightMasks,
  type WeightPattern,
} from './weight-masks.ts'
