export * from './latency-guard.ts'
export * from './rollout-state.ts'
export * from './simulate.ts'
export * from './sticky-share.ts'
