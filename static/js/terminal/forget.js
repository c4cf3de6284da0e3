// On the page that signs in: whoever was here before has left, and what their terminals showed is nobody else's.

import { forgetAll } from "./screens.js";

forgetAll();
