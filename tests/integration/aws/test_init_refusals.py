"""``pxlctl init`` refused: by itself, by what is there already, by AWS, which lacks a right or asks for patience."""

import pytest
from init_world import ACCOUNT, STACK_FILE, Interference, World

from operations.errors import Problem


def test_every_other_account_is_refused_before_anything_is_looked_at(there: World):
    interference = Interference(there.session)
    with pytest.raises(Problem) as problem:
        there.run(account="999999999999")
    assert f"account {ACCOUNT}, but 999999999999" in str(problem.value)
    assert interference.requests == ["GetCallerIdentity"], "nothing may be asked of a wrong account, or made in it"


@pytest.mark.parametrize("missing", ["account", "region", "cluster"])
def test_what_is_said_nowhere_is_asked_for_and_never_guessed(there: World, missing):
    with pytest.raises(Problem, match=f"not said which {missing}"):
        there.run(**{missing: None})


@pytest.mark.parametrize("repository", ["*/*", "example", "example/app:ref", "example/*", ""])
def test_a_repository_that_is_a_pattern_is_refused(there: World, repository):
    with pytest.raises(Problem, match="not a repository"):
        there.run(repository=repository)


def test_a_value_of_the_file_that_differs_is_an_error_and_nothing_is_made(there: World):
    there.file.write_text(STACK_FILE + "  pxl:aws:\n    vpcId: vpc-0100000000000001  # the example's\n")
    interference = Interference(there.session)
    with pytest.raises(Problem) as problem:
        there.run()
    assert "pxl:aws.vpcId is vpc-0100000000000001" in str(problem.value) and there.vpc in str(problem.value)
    assert interference.changes == [], "what is found out at the end must not cost a key and a bucket"


def test_a_stack_under_a_passphrase_is_not_put_under_a_key_by_itself(there: World):
    there.file.write_text("encryptionsalt: v1:abc\n" + STACK_FILE)
    with pytest.raises(Problem, match="under a passphrase") as problem:
        there.run()
    assert "change-secrets-provider" in str(problem.value)


def test_an_unknown_cluster_is_answered_with_those_that_exist(there: World):
    there.cluster("other")
    with pytest.raises(Problem, match="no cluster 'stagign'") as problem:
        there.run(cluster="stagign")
    assert "other, staging" in str(problem.value) or "staging, other" in str(problem.value)


def test_private_subnets_in_one_zone_are_not_enough(there: World):
    there.private.clear(), there.public.clear()
    there.network(zones="aa", public="bc")
    there.cluster("narrow")
    with pytest.raises(Problem, match="fewer than 2 zones"):
        there.run(cluster="narrow")


def test_a_key_that_is_about_to_be_deleted_is_not_built_upon(there: World):
    there.run()
    kms = there.client("kms")
    key = kms.describe_key(KeyId="alias/pxl-staging-state")["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with pytest.raises(Problem, match="cannot be used") as problem:
        there.run()
    assert f"cancel-key-deletion --key-id {key}" in str(problem.value), "time counts: the command has to be there"


def test_a_role_of_the_same_name_that_is_not_ours_is_left_alone(there: World):
    there.client("iam").create_role(RoleName="pxl-staging-ci-deploy", AssumeRolePolicyDocument="{}")
    with pytest.raises(Problem, match="not this stack's"):
        there.run()


def test_further_rights_on_a_role_are_told(there: World):
    there.run()
    there.client("iam").attach_role_policy(
        RoleName="pxl-staging-ci-deploy", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    with pytest.raises(Problem, match="more rights") as problem:
        there.run()
    assert "detach-role-policy" in str(problem.value)


REFUSED = [
    ("GetCallerIdentity", 403, "sts:GetCallerIdentity"),
    ("DescribeCluster", 403, "eks:DescribeCluster"),
    ("DescribeSubnets", 403, "ec2:DescribeSubnets"),
    ("CreateKey", 400, "kms:CreateKey"),
    ("CreateAlias", 400, "kms:CreateAlias"),
    ("CreateBucket", 403, "s3:CreateBucket"),
    ("PutBucketEncryption", 403, "s3:PutEncryptionConfiguration"),
    ("PutPublicAccessBlock", 403, "s3:PutBucketPublicAccessBlock"),
    ("PutBucketLifecycleConfiguration", 403, "s3:PutLifecycleConfiguration"),
    ("CreateOpenIDConnectProvider", 403, "iam:CreateOpenIDConnectProvider"),
    ("CreateRole", 403, "iam:CreateRole"),
    ("PutRolePolicy", 403, "iam:PutRolePolicy"),
    ("AttachRolePolicy", 403, "iam:AttachRolePolicy"),
]


@pytest.mark.parametrize(("request_name", "status", "right"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_a_right_that_lacks_is_named_as_iam_names_it(there: World, request_name, status, right):
    Interference(there.session).answer(request_name, status, "AccessDeniedException", "not you")
    with pytest.raises(Problem) as problem:
        there.run()
    assert problem.value.what == f"these credentials lack {right}", "that name is what goes into a policy"
    assert "allow" in str(problem.value.remedy)


def test_throttling_is_waited_out_and_then_told(there: World, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", slept.append)
    interference = Interference(there.session)
    interference.answer("CreateKey", 400, "ThrottlingException", "Rate exceeded")
    with pytest.raises(Problem, match="fewer requests") as problem:
        there.run()
    assert interference.asked["CreateKey"] == 8, "one refusal for being too fast is no reason to give up"
    assert len(slept) == 7, "and it must wait between the attempts"
    assert "goes on from there" in str(problem.value.remedy)


def test_a_bucket_that_is_somebody_elses_is_said_to_be_possible(there: World):
    Interference(there.session).answer("HeadBucket", 403, "403", "Forbidden")
    with pytest.raises(Problem, match="lack s3:ListBucket") as problem:
        there.run()
    assert "another account owns" in str(problem.value)


def test_credentials_that_ran_out_are_answered_with_how_to_log_in(there: World):
    Interference(there.session).answer("GetCallerIdentity", 403, "ExpiredToken", "the token has expired")
    with pytest.raises(Problem, match="not valid any more") as problem:
        there.run()
    assert "aws sso login" in str(problem.value)
