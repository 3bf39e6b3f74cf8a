import { type GateSpec, parseGate } from '../evaluate/index.ts'
import { textAt } from './inputs.ts'
import type { Arguments, OptionSpec } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const GATE: OptionSpec = {
  type: 'string',
  value: 'FILE',
  help: 'whetstone.gate.yaml: margins by metric and slice, limits of latency, size, memory, fairness',
}

/** The gate of a path that the user gave. */
export const gateAt = (path: string): GateSpec => parseGate(textAt(path), path)

/** A gate file that sets something is the only one to set it: a pipeline must do what its file says. */
export function refuseDoubles(gate: GateSpec, options: Arguments): void {
  for (const name of ['margin', 'alpha', 'metric'] as const)
    if (gate[name] !== null && options.has(name))
      throw wrongCall(
        `--${name} and the ${name} of ${gate.file} cannot both hold`,
        `leave --${name} out, or the line in the gate file`,
      )
}
