import type { Rules } from './call.ts'
import { contribRules } from './contrib.ts'
import { controlFlowRules } from './control-flow.ts'
import { elementwiseRules } from './elementwise.ts'
import { gatherRules } from './gather.ts'
import { machineLearningRules } from './machine-learning.ts'
import { matrixRules } from './matrix.ts'
import { movementRules } from './movement.ts'
import { quantizedRules } from './quantized.ts'
import { recurrentRules } from './recurrent.ts'
import { reductionRules } from './reduction.ts'
import { spatialRules } from './spatial.ts'

/** What each operator makes of its inputs' types, by `operatorName`. */
export const inferRules: ReadonlyMap<string, Rules[string]> = new Map(
  [
    elementwiseRules,
    movementRules,
    gatherRules,
    reductionRules,
    spatialRules,
    matrixRules,
    recurrentRules,
    controlFlowRules,
    quantizedRules,
    contribRules,
    machineLearningRules,
  ].flatMap((rules) => Object.entries(rules)),
)
