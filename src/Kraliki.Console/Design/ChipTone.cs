namespace Kraliki.OperatorConsole.Design;

/// <summary>How a chip is coloured. The words inside carry the meaning; the colour only helps to find it.</summary>
public enum ChipTone
{
    Quiet,
    Good,
    Attention,
    Bad,
}
