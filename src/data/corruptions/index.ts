export { applicable, corrupted, corruptionsOf, nudged } from './corrupt.ts'
export { MODALITIES, type Modality, type UnderstandOptions, type Understood, understand } from './modality.ts'
export { nudges } from './nudges.ts'
