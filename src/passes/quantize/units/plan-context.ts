import type { Graph, GraphIndex } from '../../../ir/index.ts'
import type { ObservedRange } from './observed.ts'
import type { PlanOptions } from './plan-options.ts'
import type { NodeFacts } from './quantize-rules.ts'

/** A graph that static quantization is planned for, and what the plan goes by. */
export interface PlanContext {
  readonly graph: Graph
  readonly index: GraphIndex
  readonly facts: NodeFacts
  /** By value. */
  readonly ranges: ReadonlyMap<string, ObservedRange>
  readonly options: PlanOptions
}
