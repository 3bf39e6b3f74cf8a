export {
  CALIBRATION_ROWS,
  type CalibrateOptions,
  type CalibrationReports,
  calibrate,
  calibrateAll,
} from './calibrate.ts'
export { type ClipOptions, clipRange } from './clipping.ts'
export { Histogram } from './histogram.ts'
