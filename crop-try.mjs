import sharp from 'sharp'
const [,, src, out, l, t, w, h] = process.argv
const m = await sharp(src).metadata()
await sharp(src).extract({ left: +l, top: +t, width: Math.min(+w, m.width - l), height: Math.min(+h, m.height - t) }).toFile(out)
