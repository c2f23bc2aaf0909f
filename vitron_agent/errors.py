"""Every error that vitron-agent raises, in one tree; the class says who must act.

VitronError
├── UsageError               the caller passed something that cannot work (also a ValueError)
│   ├── MediaError           a picture or clip from outside was refused
│   │   ├── MediaLimitError      it exceeds a limit; names the limit and its setting
│   │   ├── MediaFormatError     it is not (or not completely) a medium of an allowed format
│   │   └── MediaSourceError     its path or address may not be read
│   ├── UnknownThreadError   no such thread, turn or handle
│   └── TurnOpenError        the thread's last turn did not end: resume it, or abandon it
├── ConfigError              settings, installation or weights are wrong; names the fix
│   └── WeightsError         weights are missing or damaged; names the command that fetches them
├── InvocationError          the planner's fault: fed back to the planner, at most twice
│   ├── WireSyntaxError          the plan's text does not follow the grammar
│   ├── UnknownTargetError       a handle or region that does not exist
│   ├── WrongMediaError          an input of a kind that the operation does not take
│   ├── DependencyError          a forward or cyclic input
│   ├── CapabilityError          no backend of the profile can do the operation; names the one that can
│   └── BudgetError              the plan is larger than the budget allows
├── ExpertError              an expert failed for good: reported to the user
│   ├── VerificationError        its output broke a guarantee (size, decoding, pixels outside the mask)
│   └── ExpertTimeout            it ran longer than it may
├── ArtifactError            the store cannot give or keep an artifact
├── PersistenceError         the database cannot be read or written
│   ├── ThreadBusyError          another writer's turn is running on the thread; try again later
│   └── TurnLostError            somebody else took the turn over; stop working on it
└── TurnCancelled            the user stopped the turn
"""


class VitronError(Exception):
    """Base of all errors of this package."""


class UsageError(VitronError, ValueError):
    """The caller passed something that cannot work; the message says what would."""


class MediaError(UsageError):
    """A picture or clip from outside was refused."""


class MediaLimitError(MediaError):
    """A medium exceeds a limit. The message names the limit and the setting that raises it."""


class MediaFormatError(MediaError):
    """The bytes are not a complete medium of an allowed format."""


class MediaSourceError(MediaError):
    """The path or address may not be read (outside the jail, private address, scheme)."""


class UnknownThreadError(UsageError):
    """No such thread, turn or handle."""


class TurnOpenError(UsageError):
    """The thread's last turn was interrupted or waits for a decision; the message says how to go on."""


class ConfigError(VitronError):
    """Settings, installation or weights are wrong; the message names the fix."""


class WeightsError(ConfigError):
    """Weights are missing or damaged; the message names the command that fetches them."""


class InvocationError(VitronError):
    """A plan that cannot be run as written; the planner gets the message and tries again."""


class WireSyntaxError(InvocationError):
    """The plan's text does not follow the wire grammar."""


class UnknownTargetError(InvocationError):
    """An input handle or a drawn region that does not exist in the conversation."""


class WrongMediaError(InvocationError):
    """An input is of a kind that the operation does not take."""


class DependencyError(InvocationError):
    """An input is the output of a later step, or of the step itself."""


class CapabilityError(InvocationError):
    """No backend of the profile can do this; the message names the profile that can."""


class BudgetError(InvocationError):
    """The plan is larger than the turn's budget."""


class ExpertError(VitronError):
    """An expert failed for good; the message is shown to the user."""


class VerificationError(ExpertError):
    """An expert's output broke a guarantee and was thrown away."""


class ExpertTimeout(ExpertError):
    """An expert ran longer than its budget."""


class ArtifactError(VitronError):
    """The artifact store cannot give or keep an artifact."""


class PersistenceError(VitronError):
    """The conversation database cannot be read or written."""


class ThreadBusyError(PersistenceError):
    """Another writer's turn is still running on the thread; try again later."""


class TurnLostError(PersistenceError):
    """Somebody else took the turn over; whoever gets this stops working on it."""


class TurnCancelled(VitronError):
    """The user stopped the turn; what was finished is kept."""
