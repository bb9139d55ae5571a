// main.mjs -- all tests of the dashboard, one browser, one after the other.
import { run } from "./harness.mjs";
import "./test_doing.mjs";
import "./test_finding.mjs";
import "./test_staying.mjs";
import "./test_looking.mjs";
import "./test_speed.mjs";

await run();
