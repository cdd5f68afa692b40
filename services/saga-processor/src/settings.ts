import { ServerSettings } from '@journey/runtime'

export class Settings extends ServerSettings {}
