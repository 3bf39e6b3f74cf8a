export * from './fill-channel-blocks.ts'
export * from './shift-in-blocks.ts'
export * from './split-nearest-resize.ts'
export * from './sum-before-normalization.ts'
