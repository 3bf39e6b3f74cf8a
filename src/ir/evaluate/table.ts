import { attentions } from './attention.ts'
import { binary } from './binary.ts'
import { blockwise } from './blockwise.ts'
import type { Kernels } from './call.ts'
import { casting } from './cast.ts'
import { control } from './control.ts'
import { convolution } from './conv.ts'
import { detection } from './detection.ts'
import { elementwise } from './elementwise.ts'
import { gathering } from './gather.ts'
import { generators } from './generate.ts'
import { grids } from './grid.ts'
import { machineLearning } from './machine-learning.ts'
import { matrix } from './matmul.ts'
import { normalization } from './normalization.ts'
import { pooling } from './pool.ts'
import { quantization } from './quantize.ts'
import { recurrence } from './recurrent.ts'
import { reduce } from './reduce.ts'
import { resizing } from './resize.ts'
import { sequences } from './sequence.ts'
import { shape } from './shape.ts'
import { signals } from './signal.ts'
import { softmax } from './softmax.ts'
import { strings } from './strings.ts'
import { training } from './training.ts'
import { trees } from './trees.ts'

/** How each operator computes, by the name that `operatorName` prints. */
export const kernels: Kernels = {
  ...attentions,
  ...binary,
  ...blockwise,
  ...casting,
  ...control,
  ...convolution,
  ...elementwise,
  ...gathering,
  ...generators,
  ...grids,
  ...matrix,
  ...normalization,
  ...pooling,
  ...quantization,
  ...recurrence,
  ...reduce,
  ...resizing,
  ...sequences,
  ...shape,
  ...softmax,
  ...trees,
  ...training,
  ...strings,
  ...signals,
  ...machineLearning,
  ...detection,
}
