/** The stages in their order; a journey enters them one after the other, never skipping one. */
export const stages = ['sandbox', 'pilot', 'production'] as const
export type StageId = (typeof stages)[number]

export const stageAfter = (stage: StageId): StageId | undefined => stages[stages.indexOf(stage) + 1]
export const stageBefore = (stage: StageId): StageId | undefined => stages[stages.indexOf(stage) - 1]
