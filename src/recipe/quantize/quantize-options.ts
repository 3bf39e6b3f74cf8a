import type { Dataset } from '../../data/index.ts'
import type { RuntimeProcesses } from '../../engine/index.ts'
import type { StaticInt8Options } from '../../passes/index.ts'
import type { ChannelBlock, RangeMethod, Scheme, Target } from '../../report/index.ts'
import type { EvidenceCache } from '../evidence/evidence-cache.ts'
import type { Watched } from '../meter.ts'
import type { WeightChoices } from './weight-choices.ts'

export interface QuantizeOptions extends WeightChoices, Watched {
  readonly scheme: Scheme
  /** Sample rows; `static-int8` cannot do without. */
  readonly data?: Dataset | undefined
  readonly calibration?: RangeMethod | undefined
  /** Rows to calibrate on; `CALIBRATION_ROWS` by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  readonly target?: Target | undefined
  /**
   * Whether products of codes saturate in 16 bits where the model shall run (see `productsSaturate`); the runtime of this
   * machine is asked by default.
   */
  readonly saturates?: boolean | undefined
  /** Channels of a block of float kernels where the model shall run (see `channelBlock`); 16 by default. */
  readonly block?: ChannelBlock | undefined
  /** How gates stand in static integers (see `PlanOptions.curves`), as is fastest where the model shall run. */
  readonly curves?: StaticInt8Options['curves']
  /** Node names or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /** Steps that learned roundings take for each part of the model; 500 by default. */
  readonly steps?: number | undefined
  /**
   * `static-int8`: how much of what outlier channels need moves from activations into weights before, 0 … 1
   * (SmoothQuant); not at all by default.
   */
  readonly smooth?: number | undefined
  /**
   * `dynamic-int8`: channels of outliers are brought down to others in front of products first, or multiplied in float,
   * by what rows of `data` say about them.
   */
  readonly divideOutliers?: boolean | undefined
  /** `static-int8`: recurrent layers too, with scales that they take from what they see; they have no static form. */
  readonly recurrent?: boolean | undefined
  /** Where the model lies, unchanged since it was read; it is written for the runtime by default. */
  readonly file?: string | undefined
  /**
   * Processes to run models in, started by whoever had something else to do first; its own by default. They end with
   * the work: of its own it awaits that, these end while whoever gave them goes on.
   */
  readonly processes?: RuntimeProcesses | undefined
  /** Further options of the pass, such as `placement`. */
  readonly pass?: Readonly<Record<string, unknown>> | undefined
  /** Lossless passes first; on unless false. */
  readonly simplify?: boolean | undefined
  readonly seed?: number | undefined
  readonly cache?: EvidenceCache | undefined
}
