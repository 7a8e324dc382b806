using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Kraliki.Server.Data.Migrations.PostgreSql;

/// <inheritdoc />
public partial class Initial : Migration
{
    /// <inheritdoc />
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.CreateTable(
            name: "audit_entries",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                number = table.Column<long>(type: "bigint", nullable: false),
                at = table.Column<long>(type: "bigint", nullable: false),
                actor = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                action = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false, collation: "C"),
                subject = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false, collation: "C"),
                detail = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true, collation: "C"),
                address = table.Column<string>(type: "text", nullable: true, collation: "C"),
                request_id = table.Column<string>(type: "text", nullable: true, collation: "C"),
                seal = table.Column<byte[]>(type: "bytea", nullable: false),
                link = table.Column<byte[]>(type: "bytea", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_audit_entries", x => new { x.organisation_id, x.number });
            });

        migrationBuilder.CreateTable(
            name: "audit_heads",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                number = table.Column<long>(type: "bigint", nullable: false),
                link = table.Column<byte[]>(type: "bytea", nullable: false),
                mac = table.Column<byte[]>(type: "bytea", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_audit_heads", x => x.organisation_id);
            });

        migrationBuilder.CreateTable(
            name: "carrier_calls",
            columns: table => new
            {
                call_sid = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                account_sid = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                session_id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                status = table.Column<string>(type: "character varying(32)", maxLength: 32, nullable: false, collation: "C"),
                created_at = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_carrier_calls", x => x.call_sid);
            });

        migrationBuilder.CreateTable(
            name: "cluster_views",
            columns: table => new
            {
                cluster_id = table.Column<string>(type: "text", nullable: false, collation: "C"),
                version = table.Column<int>(type: "integer", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_cluster_views", x => x.cluster_id);
            });

        migrationBuilder.CreateTable(
            name: "feature_flags",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                name = table.Column<string>(type: "character varying(60)", maxLength: 60, nullable: false, collation: "C"),
                enabled = table.Column<bool>(type: "boolean", nullable: true),
                updated_at = table.Column<long>(type: "bigint", nullable: false),
                updated_by = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                version = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_feature_flags", x => new { x.organisation_id, x.name });
            });

        migrationBuilder.CreateTable(
            name: "idempotency_keys",
            columns: table => new
            {
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                user_id = table.Column<Guid>(type: "uuid", nullable: false),
                route = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                key = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                request_hash = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                resource_id = table.Column<Guid>(type: "uuid", nullable: false),
                claim_id = table.Column<Guid>(type: "uuid", nullable: false),
                claimed_until = table.Column<long>(type: "bigint", nullable: false),
                expires_at = table.Column<long>(type: "bigint", nullable: false),
                status = table.Column<int>(type: "integer", nullable: true),
                content_type = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: true, collation: "C"),
                location = table.Column<string>(type: "character varying(400)", maxLength: 400, nullable: true, collation: "C"),
                e_tag = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: true, collation: "C"),
                body = table.Column<byte[]>(type: "bytea", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_idempotency_keys", x => new { x.organisation_id, x.user_id, x.route, x.key });
            });

        migrationBuilder.CreateTable(
            name: "login_failures",
            columns: table => new
            {
                id = table.Column<byte[]>(type: "bytea", maxLength: 32, nullable: false),
                failures = table.Column<int>(type: "integer", nullable: false),
                last_at = table.Column<long>(type: "bigint", nullable: false),
                forgotten_after = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_login_failures", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "mail_tokens",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                subject_id = table.Column<Guid>(type: "uuid", nullable: false),
                purpose = table.Column<int>(type: "integer", nullable: false),
                hash = table.Column<byte[]>(type: "bytea", nullable: false),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                expires_at = table.Column<long>(type: "bigint", nullable: false),
                ended_at = table.Column<long>(type: "bigint", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_mail_tokens", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "mails",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                to = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                subject = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                text = table.Column<string>(type: "text", nullable: true, collation: "C"),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                next_try_at = table.Column<long>(type: "bigint", nullable: true),
                tries = table.Column<int>(type: "integer", nullable: false),
                sent_at = table.Column<long>(type: "bigint", nullable: true),
                given_up_at = table.Column<long>(type: "bigint", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_mails", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "organisations",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                administration_revision = table.Column<long>(type: "bigint", nullable: false),
                default_assistant_id = table.Column<Guid>(type: "uuid", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_organisations", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "provider_breaker_changes",
            columns: table => new
            {
                id = table.Column<long>(type: "bigint", nullable: false)
                    .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                at = table.Column<long>(type: "bigint", nullable: false),
                provider = table.Column<string>(type: "character varying(60)", maxLength: 60, nullable: false, collation: "C"),
                model = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                from = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                to = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                cause = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: false, collation: "C"),
                by = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C")
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_provider_breaker_changes", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "provider_breakers",
            columns: table => new
            {
                provider = table.Column<string>(type: "character varying(60)", maxLength: 60, nullable: false, collation: "C"),
                model = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                state = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                failures = table.Column<int>(type: "integer", nullable: false),
                successes = table.Column<int>(type: "integer", nullable: false),
                changed_at = table.Column<long>(type: "bigint", nullable: true),
                probe_at = table.Column<long>(type: "bigint", nullable: true),
                recent = table.Column<string>(type: "character varying(1000)", maxLength: 1000, nullable: false, collation: "C"),
                last_error = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true, collation: "C"),
                last_error_at = table.Column<long>(type: "bigint", nullable: true),
                last_probe = table.Column<string>(type: "text", nullable: true),
                version = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_provider_breakers", x => new { x.provider, x.model });
            });

        migrationBuilder.CreateTable(
            name: "rehearsals",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                script = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                provider = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                telephony_provider = table.Column<string>(type: "character varying(40)", maxLength: 40, nullable: false, collation: "C"),
                assistant_id = table.Column<Guid>(type: "uuid", nullable: true),
                assistant_version = table.Column<int>(type: "integer", nullable: true),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                updated_at = table.Column<long>(type: "bigint", nullable: false),
                status = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                session_id = table.Column<Guid>(type: "uuid", nullable: true),
                finished_at = table.Column<long>(type: "bigint", nullable: true),
                failure = table.Column<string>(type: "text", nullable: true, collation: "C"),
                report = table.Column<string>(type: "text", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_rehearsals", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "revoked_tokens",
            columns: table => new
            {
                jti = table.Column<Guid>(type: "uuid", nullable: false),
                expires_at = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_revoked_tokens", x => x.jti);
            });

        migrationBuilder.CreateTable(
            name: "sessions",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                state = table.Column<string>(type: "text", nullable: false),
                provider = table.Column<string>(type: "text", nullable: false, collation: "C"),
                strategy = table.Column<string>(type: "text", nullable: false),
                telephony_provider = table.Column<string>(type: "text", nullable: false, collation: "C"),
                phone_number = table.Column<string>(type: "text", nullable: true, collation: "C"),
                metadata = table.Column<string>(type: "text", nullable: false),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                updated_at = table.Column<long>(type: "bigint", nullable: false),
                started_at = table.Column<long>(type: "bigint", nullable: true),
                ended_at = table.Column<long>(type: "bigint", nullable: true),
                end_reason = table.Column<string>(type: "text", nullable: true),
                end_detail = table.Column<string>(type: "text", nullable: true, collation: "C"),
                last_seq = table.Column<long>(type: "bigint", nullable: false),
                version = table.Column<long>(type: "bigint", nullable: false),
                epoch = table.Column<long>(type: "bigint", nullable: false),
                owner_facts = table.Column<long>(type: "bigint", nullable: false),
                media = table.Column<int>(type: "integer", nullable: false),
                request_id = table.Column<string>(type: "text", nullable: true, collation: "C"),
                trace_parent = table.Column<string>(type: "text", nullable: true, collation: "C"),
                node = table.Column<string>(type: "text", nullable: true, collation: "C"),
                interrupted_at = table.Column<long>(type: "bigint", nullable: true),
                interrupted_by = table.Column<string>(type: "text", nullable: true),
                microphone_user = table.Column<string>(type: "text", nullable: true, collation: "C"),
                microphone_client = table.Column<string>(type: "text", nullable: true, collation: "C"),
                microphone_since = table.Column<long>(type: "bigint", nullable: true),
                requests = table.Column<string>(type: "text", nullable: false, collation: "C"),
                failover_enabled = table.Column<bool>(type: "boolean", nullable: true),
                failover_order = table.Column<string>(type: "text", nullable: true, collation: "C"),
                failover_stall_seconds = table.Column<int>(type: "integer", nullable: true),
                usage = table.Column<string>(type: "text", nullable: false),
                cost_cap = table.Column<decimal>(type: "numeric", nullable: true),
                assistant_id = table.Column<Guid>(type: "uuid", nullable: true),
                assistant_version = table.Column<int>(type: "integer", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_sessions", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "signing_keys",
            columns: table => new
            {
                kid = table.Column<string>(type: "character varying(64)", maxLength: 64, nullable: false, collation: "C"),
                sealed_key = table.Column<byte[]>(type: "bytea", nullable: false),
                signs_from = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_signing_keys", x => x.kid);
            });

        migrationBuilder.CreateTable(
            name: "spent_tokens",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                expires_at = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_spent_tokens", x => x.id);
            });

        migrationBuilder.CreateTable(
            name: "cluster_members",
            columns: table => new
            {
                cluster_id = table.Column<string>(type: "text", nullable: false, collation: "C"),
                life = table.Column<string>(type: "text", nullable: false, collation: "C"),
                status = table.Column<int>(type: "integer", nullable: false),
                changed_in = table.Column<int>(type: "integer", nullable: false),
                name = table.Column<string>(type: "text", nullable: false, collation: "C"),
                host = table.Column<string>(type: "text", nullable: false, collation: "C"),
                gateway_port = table.Column<int>(type: "integer", nullable: false),
                suspicions = table.Column<string>(type: "text", nullable: false),
                started_at = table.Column<long>(type: "bigint", nullable: false),
                alive_at = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_cluster_members", x => new { x.cluster_id, x.life });
                table.ForeignKey(
                    name: "FK_cluster_members_cluster_views_cluster_id",
                    column: x => x.cluster_id,
                    principalTable: "cluster_views",
                    principalColumn: "cluster_id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "assistants",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                name = table.Column<string>(type: "character varying(100)", maxLength: 100, nullable: false, collation: "C"),
                version = table.Column<int>(type: "integer", nullable: false),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                updated_at = table.Column<long>(type: "bigint", nullable: false),
                updated_by = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                archived_at = table.Column<long>(type: "bigint", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_assistants", x => x.id);
                table.ForeignKey(
                    name: "FK_assistants_organisations_organisation_id",
                    column: x => x.organisation_id,
                    principalTable: "organisations",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "users",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                email = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                name = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                role = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                password_hash = table.Column<string>(type: "character varying(200)", maxLength: 200, nullable: false, collation: "C"),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                email_verified_at = table.Column<long>(type: "bigint", nullable: true),
                deactivated_at = table.Column<long>(type: "bigint", nullable: true),
                last_signed_in_at = table.Column<long>(type: "bigint", nullable: true),
                updated_at = table.Column<long>(type: "bigint", nullable: false),
                version = table.Column<long>(type: "bigint", nullable: false)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_users", x => x.id);
                table.ForeignKey(
                    name: "FK_users_organisations_organisation_id",
                    column: x => x.organisation_id,
                    principalTable: "organisations",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Restrict);
            });

        migrationBuilder.CreateTable(
            name: "session_events",
            columns: table => new
            {
                session_id = table.Column<Guid>(type: "uuid", nullable: false),
                seq = table.Column<long>(type: "bigint", nullable: false),
                epoch = table.Column<long>(type: "bigint", nullable: false),
                kind = table.Column<string>(type: "text", nullable: false, collation: "C"),
                at = table.Column<long>(type: "bigint", nullable: false),
                payload = table.Column<string>(type: "text", nullable: false, collation: "C")
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_session_events", x => new { x.session_id, x.seq });
                table.ForeignKey(
                    name: "FK_session_events_sessions_session_id",
                    column: x => x.session_id,
                    principalTable: "sessions",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "assistant_versions",
            columns: table => new
            {
                assistant_id = table.Column<Guid>(type: "uuid", nullable: false),
                number = table.Column<int>(type: "integer", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                content = table.Column<string>(type: "text", nullable: false),
                at = table.Column<long>(type: "bigint", nullable: false),
                by = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                note = table.Column<string>(type: "character varying(500)", maxLength: 500, nullable: true, collation: "C"),
                restored_from = table.Column<int>(type: "integer", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_assistant_versions", x => new { x.assistant_id, x.number });
                table.ForeignKey(
                    name: "FK_assistant_versions_assistants_assistant_id",
                    column: x => x.assistant_id,
                    principalTable: "assistants",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "invitations",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                email = table.Column<string>(type: "character varying(254)", maxLength: 254, nullable: false, collation: "C"),
                role = table.Column<string>(type: "character varying(20)", maxLength: 20, nullable: false),
                invited_by_id = table.Column<Guid>(type: "uuid", nullable: false),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                expires_at = table.Column<long>(type: "bigint", nullable: false),
                accepted_at = table.Column<long>(type: "bigint", nullable: true),
                withdrawn_at = table.Column<long>(type: "bigint", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_invitations", x => x.id);
                table.ForeignKey(
                    name: "FK_invitations_organisations_organisation_id",
                    column: x => x.organisation_id,
                    principalTable: "organisations",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Restrict);
                table.ForeignKey(
                    name: "FK_invitations_users_invited_by_id",
                    column: x => x.invited_by_id,
                    principalTable: "users",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Restrict);
            });

        migrationBuilder.CreateTable(
            name: "sign_ins",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                organisation_id = table.Column<Guid>(type: "uuid", nullable: false),
                user_id = table.Column<Guid>(type: "uuid", nullable: false),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                last_used_at = table.Column<long>(type: "bigint", nullable: false),
                address = table.Column<string>(type: "character varying(60)", maxLength: 60, nullable: true, collation: "C"),
                user_agent = table.Column<string>(type: "character varying(300)", maxLength: 300, nullable: true, collation: "C"),
                ended_at = table.Column<long>(type: "bigint", nullable: true),
                end_reason = table.Column<string>(type: "character varying(30)", maxLength: 30, nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_sign_ins", x => x.id);
                table.ForeignKey(
                    name: "FK_sign_ins_users_user_id",
                    column: x => x.user_id,
                    principalTable: "users",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateTable(
            name: "refresh_tokens",
            columns: table => new
            {
                id = table.Column<Guid>(type: "uuid", nullable: false),
                sign_in_id = table.Column<Guid>(type: "uuid", nullable: false),
                hash = table.Column<byte[]>(type: "bytea", nullable: false),
                successor_seed = table.Column<byte[]>(type: "bytea", nullable: false),
                created_at = table.Column<long>(type: "bigint", nullable: false),
                expires_at = table.Column<long>(type: "bigint", nullable: false),
                used_at = table.Column<long>(type: "bigint", nullable: true)
            },
            constraints: table =>
            {
                table.PrimaryKey("PK_refresh_tokens", x => x.id);
                table.ForeignKey(
                    name: "FK_refresh_tokens_sign_ins_sign_in_id",
                    column: x => x.sign_in_id,
                    principalTable: "sign_ins",
                    principalColumn: "id",
                    onDelete: ReferentialAction.Cascade);
            });

        migrationBuilder.CreateIndex(
            name: "IX_assistants_organisation_id_id",
            table: "assistants",
            columns: new[] { "organisation_id", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_assistants_organisation_id_updated_at_id",
            table: "assistants",
            columns: new[] { "organisation_id", "updated_at", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_audit_entries_organisation_id_at",
            table: "audit_entries",
            columns: new[] { "organisation_id", "at" });

        migrationBuilder.CreateIndex(
            name: "IX_carrier_calls_session_id",
            table: "carrier_calls",
            column: "session_id");

        migrationBuilder.CreateIndex(
            name: "IX_feature_flags_updated_at",
            table: "feature_flags",
            column: "updated_at");

        migrationBuilder.CreateIndex(
            name: "IX_idempotency_keys_expires_at",
            table: "idempotency_keys",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_invitations_invited_by_id",
            table: "invitations",
            column: "invited_by_id");

        migrationBuilder.CreateIndex(
            name: "IX_invitations_organisation_id_email",
            table: "invitations",
            columns: new[] { "organisation_id", "email" });

        migrationBuilder.CreateIndex(
            name: "IX_mail_tokens_hash",
            table: "mail_tokens",
            column: "hash",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_mail_tokens_subject_id_purpose",
            table: "mail_tokens",
            columns: new[] { "subject_id", "purpose" });

        migrationBuilder.CreateIndex(
            name: "IX_mails_created_at",
            table: "mails",
            column: "created_at");

        migrationBuilder.CreateIndex(
            name: "IX_mails_next_try_at",
            table: "mails",
            column: "next_try_at");

        migrationBuilder.CreateIndex(
            name: "IX_provider_breaker_changes_at",
            table: "provider_breaker_changes",
            column: "at");

        migrationBuilder.CreateIndex(
            name: "IX_refresh_tokens_expires_at",
            table: "refresh_tokens",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_refresh_tokens_hash",
            table: "refresh_tokens",
            column: "hash",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_refresh_tokens_sign_in_id",
            table: "refresh_tokens",
            column: "sign_in_id");

        migrationBuilder.CreateIndex(
            name: "IX_rehearsals_organisation_id_id",
            table: "rehearsals",
            columns: new[] { "organisation_id", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_rehearsals_organisation_id_updated_at_id",
            table: "rehearsals",
            columns: new[] { "organisation_id", "updated_at", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_revoked_tokens_expires_at",
            table: "revoked_tokens",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_sessions_microphone_user",
            table: "sessions",
            column: "microphone_user",
            filter: "microphone_user IS NOT NULL");

        migrationBuilder.CreateIndex(
            name: "IX_sessions_organisation_id_id",
            table: "sessions",
            columns: new[] { "organisation_id", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_sessions_organisation_id_updated_at_id",
            table: "sessions",
            columns: new[] { "organisation_id", "updated_at", "id" });

        migrationBuilder.CreateIndex(
            name: "IX_sessions_state",
            table: "sessions",
            column: "state");

        migrationBuilder.CreateIndex(
            name: "IX_sign_ins_last_used_at",
            table: "sign_ins",
            column: "last_used_at");

        migrationBuilder.CreateIndex(
            name: "IX_sign_ins_user_id",
            table: "sign_ins",
            column: "user_id");

        migrationBuilder.CreateIndex(
            name: "IX_signing_keys_signs_from",
            table: "signing_keys",
            column: "signs_from",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_spent_tokens_expires_at",
            table: "spent_tokens",
            column: "expires_at");

        migrationBuilder.CreateIndex(
            name: "IX_users_email",
            table: "users",
            column: "email",
            unique: true);

        migrationBuilder.CreateIndex(
            name: "IX_users_organisation_id",
            table: "users",
            column: "organisation_id");
    }

    /// <inheritdoc />
    protected override void Down(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.DropTable(
            name: "assistant_versions");

        migrationBuilder.DropTable(
            name: "audit_entries");

        migrationBuilder.DropTable(
            name: "audit_heads");

        migrationBuilder.DropTable(
            name: "carrier_calls");

        migrationBuilder.DropTable(
            name: "cluster_members");

        migrationBuilder.DropTable(
            name: "feature_flags");

        migrationBuilder.DropTable(
            name: "idempotency_keys");

        migrationBuilder.DropTable(
            name: "invitations");

        migrationBuilder.DropTable(
            name: "login_failures");

        migrationBuilder.DropTable(
            name: "mail_tokens");

        migrationBuilder.DropTable(
            name: "mails");

        migrationBuilder.DropTable(
            name: "provider_breaker_changes");

        migrationBuilder.DropTable(
            name: "provider_breakers");

        migrationBuilder.DropTable(
            name: "refresh_tokens");

        migrationBuilder.DropTable(
            name: "rehearsals");

        migrationBuilder.DropTable(
            name: "revoked_tokens");

        migrationBuilder.DropTable(
            name: "session_events");

        migrationBuilder.DropTable(
            name: "signing_keys");

        migrationBuilder.DropTable(
            name: "spent_tokens");

        migrationBuilder.DropTable(
            name: "assistants");

        migrationBuilder.DropTable(
            name: "cluster_views");

        migrationBuilder.DropTable(
            name: "sign_ins");

        migrationBuilder.DropTable(
            name: "sessions");

        migrationBuilder.DropTable(
            name: "users");

        migrationBuilder.DropTable(
            name: "organisations");
    }
}
