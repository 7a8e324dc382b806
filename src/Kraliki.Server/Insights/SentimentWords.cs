using System.Collections.Frozen;

namespace Kraliki.Server.Insights;

/// <summary>Words that say how somebody feels, as they are used on the telephone, each with −4 (outrage) to 4 (delight).</summary>
internal static class SentimentWords
{
    private static readonly (double Weight, string Words)[] Groups =
    [
        (4, "amazing fantastic outstanding superb phenomenal magnificent"),
        (3.5, "excellent wonderful brilliant delighted thrilled incredible marvellous marvelous exceptional"),
        (3, "great perfect awesome love loved loves terrific fabulous superbly beautiful beautifully"),
        (2.5, "happy glad pleased impressed lovely splendid excited joy enjoyed enjoy enjoying recommend recommended grateful appreciate appreciated appreciates"),
        (2, "good best better nice nicely thank thanks thankful helpful helped friendly kind kindly polite satisfied reliable smooth smoothly professional generous welcome charming pleasant pleasantly comfortable relaxed relieved"),
        (1.5, "fine well easy easily quick quickly fast clear clearly useful convenient fair correct safe ready sure interested interesting cheap affordable works worked solved fixed sorted resolved success successful win trust liked likes"),
        (0.5, "okay ok alright right yes agree agreed agrees hope hoping hopefully calm free fresh clean improved improve improvement reasonable acceptable"),
        (-1, "slow slowly late waiting waited unsure unclear doubt doubts strange odd missing forgot forget complicated difficult hard expensive tired missed delay delayed delays"),
        (-1.5, "problem problems issue issues trouble troubles wrong error errors mistake mistakes confused confusing confuse worry worried worries fail failed fails failing broken break broke stuck lost lose losing refuse refused refuses complain complained complaint complaints unable impossible annoying unfair pity"),
        (-2, "bad badly worse unhappy unhelpful unfriendly annoyed disappointed disappointing disappointment dissatisfied upset sad unpleasant uncomfortable dirty noisy poor poorly useless pointless waste wasted ignored ignore unreliable unprofessional overcharged charged rude impolite stress stressed stressful nervous afraid hate hated hates nonsense stupid silly mess messy"),
        (-2.5, "angry frustrated frustrating frustration mad lie lied lies lying liar cheat cheated cheating dishonest ridiculous nightmare painful pain hurt hurts suffer suffered damage damaged dangerous threatened sue lawyer"),
        (-3, "terrible terribly awful awfully horrible horribly worst dreadful disgusting disgusted shameful shame pathetic unacceptable incompetent fraud scam stolen steal stole rubbish garbage crap damn hell"),
        (-3.5, "furious outraged outrageous scandal scandalous disaster disastrous catastrophe appalling appalled atrocious"),
        (-4, "despicable unforgivable abysmal"),
    ];

    public static FrozenDictionary<string, double> Weights { get; } = Groups
        .SelectMany(group => group.Words.Split(' ').Select(word => KeyValuePair.Create(word, group.Weight)))
        .ToFrozenDictionary();
}
