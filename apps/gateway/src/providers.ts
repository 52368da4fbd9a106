/** Every provider that the gateway comes with. Deleting a line, and its folder, removes it. */
import { openAI, type Provider } from "@keybearer/providers";

export const providers: readonly Provider[] = [openAI];
