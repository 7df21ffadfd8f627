/* log.h - what the parts of `confuse log` share. */
#ifndef CLI_LOG_H
#define CLI_LOG_H

#include "cli/command.h"

/* `confuse log --follow NAMESPACE:PATH`: an exit code, or a negative errno with err filled. */
int log_follow(const struct invocation *invocation, const char *argument, struct error *err);

#endif
