export { checkGate, type GateEvidence } from './check-gate.ts'
export { GATE_KEYS, parseGate } from './parse-gate.ts'
export { type GateSpec, gateFields, type MarginFor, sliceMargins } from './spec.ts'
