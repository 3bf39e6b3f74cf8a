export * from './calibrate.ts'
export { type ClipOptions, clipRange } from './clipping.ts'
export { Histogram } from './histogram.ts'
