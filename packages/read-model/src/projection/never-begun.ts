import type { Recorded } from '@journey/contracts'
import { malformed, type Fault } from '@journey/runtime'

/** An event of something whose first event the read model never saw. The gate sees to it that this is not for want of order. */
export const neverBegun = ({ stream, revision, event }: Recorded): Fault =>
  malformed(
    'projection/never_begun',
    `${event.type} at ${stream}@${revision} changes something that no earlier event of the stream began`,
  )
