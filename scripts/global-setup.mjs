// vitest's global set-up: builds what is stale, so that no test runs an outdated dist/ or addon. In watch mode it does
// so before each run.
import { build } from './build.mjs';

export default async function setUp(project) {
  await build();
  project.onTestsRerun(() => build());
}
