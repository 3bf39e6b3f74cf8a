/** An image as corruptions see it: one plane a channel, row-major, values from 0 (black) to 1. One channel is gray. */
export interface Picture {
  readonly height: number
  readonly width: number
  readonly planes: readonly Float64Array[]
}

/**
 * How large one pixel of the 224 × 224 images of ImageNet-C is here: lengths of its constants (radii, displacements) are
 * multiplied by this, so that a severity looks alike at any size.
 */
export const pixelScale = ({ height, width }: Picture): number => Math.sqrt(height * width) / 224

/** The picture with every channel's plane changed; its size stays. */
export function mapPlanes(picture: Picture, change: (plane: Float64Array, channel: number) => Float64Array): Picture {
  return { ...picture, planes: picture.planes.map(change) }
}

/** Brightness of every pixel. Source: ITU-R BT.601; the mean where there are not three channels. */
export function brightness({ planes }: Picture): Float64Array {
  const weights = planes.length === 3 ? [0.299, 0.587, 0.114] : planes.map(() => 1 / planes.length)
  const result = new Float64Array(planes[0]!.length)
  for (const [channel, plane] of planes.entries())
    for (let i = 0; i < result.length; i++) result[i]! += weights[channel]! * plane[i]!
  return result
}

export const clamp = (value: number): number => Math.min(1, Math.max(0, value))
