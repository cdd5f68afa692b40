// Loaded into a process before all else (`--import`): its clock then shows another time than that of the others.
const skewMs = Number(process.env.SPEC_CLOCK_SKEW_MS)
const RealDate = Date

class SkewedDate extends RealDate {
  constructor(...given: [] | [number | string | Date]) {
    super(given.length === 0 ? RealDate.now() + skewMs : given[0])
  }
  static override now(): number {
    return RealDate.now() + skewMs
  }
}

globalThis.Date = SkewedDate as DateConstructor
