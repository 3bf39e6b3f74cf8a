export * from './detectors.ts'
export { type Head, headOf, NO_HEAD } from './head.ts'
export { measureRobustness, type RobustnessOptions, type RobustnessProgress } from './measure.ts'
export type { RobustnessSubject } from './subject.ts'
