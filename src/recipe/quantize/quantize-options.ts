import type { Dataset } from '../../data/index.ts'
import type { RuntimeProcesses } from '../../engine/index.ts'
import type { StaticInt8Options } from '../../passes/index.ts'
import type { ChannelBlock, RangeMethod, Scheme, Target } from '../../report/index.ts'
import type { EvidenceCache } from '../evidence/evidence-cache.ts'
import type { Watched } from '../meter.ts'
import type { Step } from '../trail.ts'
import type { WeightChoices } from './weight-choices.ts'

export interface QuantizeOptions extends WeightChoices, Watched {
  readonly scheme: Scheme
  /** Sample rows; `static-int8` needs them. */
  readonly data?: Dataset | undefined
  readonly calibration?: RangeMethod | undefined
  /** Number of rows to calibrate on; `CALIBRATION_ROWS` by default. */
  readonly samples?: number | undefined
  readonly indices?: readonly number[] | undefined
  readonly target?: Target | undefined
  /**
   * Whether products of codes saturate in 16 bits where the model will run (see `productsSaturate`); by default as the
   * runtime of this machine shows.
   */
  readonly saturates?: boolean | undefined
  /** Channels in a block of the float kernels where the model will run (see `channelBlock`); 16 by default. */
  readonly block?: ChannelBlock | undefined
  /** What fills the channels of what stays in float, where that was measured to pay. */
  readonly fill?: readonly Step[] | undefined
  /** How gates are written in static integers: as is fastest where the model will run (see `PlanOptions.curves`). */
  readonly curves?: StaticInt8Options['curves']
  /** Node names or operator names that stay in float. */
  readonly keepFloat?: readonly string[] | undefined
  /** Steps that learned roundings take for each part of the model; 500 by default. */
  readonly steps?: number | undefined
  /**
   * `static-int8`: how much of the range of outlier channels first moves from activations into weights, 0 … 1
   * (SmoothQuant); nothing by default.
   */
  readonly smooth?: number | undefined
  /**
   * `dynamic-int8`: whether outlier channels, as rows of `data` show them, are first divided down to the others in
   * front of products, or multiplied in float.
   */
  readonly divideOutliers?: boolean | undefined
  /** `static-int8`: recurrent layers as well, in dynamic integers, since they have no static form. */
  readonly recurrent?: boolean | undefined
  /** File of the model, unchanged since it was read; without it, the model is written for the runtime. */
  readonly file?: string | undefined
  /**
   * Processes to run models in, which a caller may start early; by default it starts its own. They end with the work.
   * The end of its own is awaited; that of the caller's is not.
   */
  readonly processes?: RuntimeProcesses | undefined
  /** Further options of the pass, such as `placement`. */
  readonly pass?: Readonly<Record<string, unknown>> | undefined
  /** Lossless passes first; on unless false. */
  readonly simplify?: boolean | undefined
  readonly seed?: number | undefined
  readonly cache?: EvidenceCache | undefined
}
